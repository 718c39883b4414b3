/**
 * The REST API of the Open Inference Protocol (with Triton's repository index, model configuration and statistics),
 * described for what checks answers by it.
 */

/** A model whose one input and output have two values. */
export interface DescribedModel {
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly datatype: string;
  /** JSON schema of one value. */
  readonly value: object;
}

const text = { type: 'string' };
const integer = { type: 'integer' };
const list = (items: object, more: object = {}): object => ({ type: 'array', items, ...more });
const object = (
  properties: object,
  required: readonly string[] = Object.keys(properties),
  more: object = {},
) => ({
  type: 'object',
  properties,
  required,
  ...more,
});
const ref = (name: string): object => ({ $ref: `#/components/schemas/${name}` });
const json = (schema: object): object => ({ content: { 'application/json': { schema } } });

const datatypes = 'BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 BF16 BYTES'.split(
  ' ',
);
/** Kinds that gRPC has, too. 2^53 is as far as the integers of all readers of JSON go. */
const parameterValue = {
  anyOf: [
    { type: 'boolean' },
    { type: 'string', maxLength: 40 },
    { type: 'integer', minimum: -(2 ** 53), maximum: 2 ** 53 },
    { type: 'number', minimum: -1e300, maximum: 1e300 },
  ],
};
/** What Triton and MLServer themselves go by is left out. */
const parameters = {
  type: 'object',
  propertyNames: { pattern: '^own_[a-z]{1,8}$' },
  additionalProperties: parameterValue,
  maxProperties: 3,
};

const schemas = {
  error: object({ error: { type: 'string', minLength: 1 } }),
  datatype: { type: 'string', enum: datatypes },
  tensorMetadata: object(
    { name: text, datatype: ref('datatype'), shape: list(integer), parameters: { type: 'object' } },
    ['name', 'datatype', 'shape'],
  ),
  tensor: object(
    {
      name: text,
      datatype: ref('datatype'),
      shape: list({ type: 'integer', minimum: 0 }),
      parameters: { type: 'object' },
      data: list({}),
    },
    ['name', 'datatype', 'shape', 'data'],
  ),
  inferenceResponse: object(
    {
      model_name: text,
      model_version: text,
      id: text,
      parameters: { type: 'object' },
      outputs: list(ref('tensor')),
    },
    ['model_name', 'outputs'],
  ),
  modelMetadata: object(
    {
      name: text,
      versions: list(text),
      platform: text,
      inputs: list(ref('tensorMetadata')),
      outputs: list(ref('tensorMetadata')),
    },
    ['name', 'platform', 'inputs', 'outputs'],
  ),
};

/** @param sloppy whether names are anybody's: well formed, and of no model */
function requestOf(models: readonly DescribedModel[], sloppy: boolean): object {
  const anyName = { type: 'string', maxLength: 20 };
  const tensorOf = ({ input, datatype, value }: DescribedModel): object =>
    object(
      {
        name: sloppy ? anyName : { const: input },
        datatype: { const: datatype },
        shape: { const: [2] },
        parameters,
        data: list(value, { minItems: 2, maxItems: 2 }),
      },
      ['name', 'datatype', 'shape', 'data'],
      { additionalProperties: false },
    );
  const output = object({ name: sloppy ? anyName : { const: models[0]?.output }, parameters }, ['name'], {
    additionalProperties: false,
  });
  return object(
    {
      id: { type: 'string', pattern: '^[ -~]{0,40}$' },
      parameters,
      inputs: list({ anyOf: models.map(tensorOf) }, { minItems: 1, maxItems: sloppy ? 3 : 1 }),
      outputs: list(output, { maxItems: sloppy ? 3 : 1 }),
    },
    ['inputs'],
    { additionalProperties: false },
  );
}

const answers = (schema: object | undefined, ...errors: readonly number[]): object => ({
  200: { description: 'as it is', ...(schema === undefined ? {} : json(schema)) },
  ...Object.fromEntries(errors.map((status) => [status, { description: 'an error', ...json(ref('error')) }])),
});
const pathParameter = (name: string, values: readonly string[]): object => ({
  name,
  in: 'path',
  required: true,
  schema: { type: 'string', enum: values },
});

/** @param extensions Triton's, over REST */
export function openApi(models: readonly DescribedModel[], extensions: boolean): object {
  const paths: Record<string, object> = {
    '/v2': { get: { responses: answers(object({ name: text, version: text, extensions: list(text) })) } },
    '/v2/health/live': { get: { responses: answers(object({ live: { type: 'boolean' } })) } },
    '/v2/health/ready': { get: { responses: answers(object({ ready: { type: 'boolean' } })) } },
    '/v2/repository/index': {
      post: {
        requestBody: json(object({ ready: { type: 'boolean' } }, [], { additionalProperties: false })),
        responses: answers(list(object({ name: text, version: text, state: text, reason: text }, ['name']))),
      },
    },
  };
  const names = [...models.map(({ name }) => name), 'nobody', 'né/b ody'];
  for (const versioned of [false, true]) {
    const path = `/v2/models/{model}${versioned ? '/versions/{version}' : ''}`;
    const parametersOf = (of: readonly string[]): object[] => [
      pathParameter('model', of),
      ...(versioned ? [pathParameter('version', ['1', '1', '9', 'v1.2'])] : []),
    ];
    const get = (schema: object | undefined): object => ({
      get: { parameters: parametersOf(names), responses: answers(schema, 400, 404) },
    });
    const readiness = object({ name: text, ready: { type: 'boolean' } });
    paths[path] = get(ref('modelMetadata'));
    paths[`${path}/ready`] = get(readiness);
    const post = (of: readonly string[], schema: object): object => ({
      parameters: parametersOf(of),
      requestBody: { required: true, ...json(schema) },
      responses: answers(ref('inferenceResponse'), 400, 404),
    });
    paths[`${path}/infer`] = { post: post(names, requestOf(models, true)) };
    if (!extensions) continue;
    paths[`${path}/config`] = get(
      object({ name: text, platform: text, backend: text, input: list({}), output: list({}) }),
    );
    paths[`${path}/stats`] = get(object({ model_stats: list(object({ name: text, version: text })) }));
  }
  // one path for each model, so that what is sent fits it
  for (const model of models)
    paths[`/v2/models/${model.name}/infer`] = {
      post: {
        requestBody: { required: true, ...json(requestOf([model], false)) },
        responses: answers(ref('inferenceResponse')),
      },
    };
  return {
    openapi: '3.1.0',
    info: { title: 'Open Inference Protocol', version: '2' },
    paths,
    components: { schemas },
  };
}
