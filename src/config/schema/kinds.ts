/** The kinds of settings: each with its default and, in its description, the reason for it. */
import Type from 'typebox';

/** A whole number of milliseconds. */
export const ms = (value: number, description: string) =>
  // timers take no more: beyond it they fire at once
  Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, default: value, description: `${description} In ms.` });
/** The same in the place of a setting for all. */
export const ownMs = (description: string) =>
  Type.Integer({ minimum: 1, maximum: 2 ** 31 - 1, description: `${description} In ms.` });
export const bytes = (value: number, description: string) =>
  Type.Integer({ minimum: 1, default: value, description: `${description} In bytes.` });
export const count = (value: number, description: string, minimum = 1) =>
  Type.Integer({ minimum, default: value, description });
export const flag = (value: boolean, description: string) => Type.Boolean({ default: value, description });
export const text = (value: string, description: string) => Type.String({ default: value, description });
export const port = (value: number, description: string) =>
  Type.Integer({ minimum: 0, maximum: 65_535, default: value, description });
/** An absolute path in plain letters: what is joined to a backend's address is never text with a meaning of its own. */
export const pathPattern = '^(/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+$';
export const path = (value: string, description: string) =>
  Type.String({ default: value, pattern: pathPattern, description });
export const section = <T extends Record<string, Type.TSchema>>(properties: T, description: string) =>
  Type.Object(properties, { additionalProperties: false, default: {}, description });

/** Whose inputs get a batch dimension that their clients leave out. */
export const batchDimension = (description: string, value?: 'strings') =>
  Type.Union([Type.Literal('strings'), Type.Literal('all'), Type.Literal('off')], {
    ...(value === undefined ? {} : { default: value }),
    description,
  });

export const mebi = 2 ** 20;
export const gibi = 2 ** 30;
