/**
 * ModelService.HandleReloadConfigRequest: replaces the list of models, waits for the new ones, then moves the labels.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Code, StatusError } from '../base/status.ts';
import { decodeReloadConfigRequest, encodeReloadConfigResponse, type ModelConfig } from '../codec/index.ts';
import type { DemoModel } from './model.ts';
import { makeModel } from './models/index.ts';
import type { Registry } from './registry.ts';

interface Wanted {
  readonly config: ModelConfig;
  readonly kind: string;
  readonly model: DemoModel;
  readonly versions: readonly bigint[];
}

const invalid = (text: string): StatusError => new StatusError(Code.INVALID_ARGUMENT, text);

/** The versions that the policy picks; without one, the latest. */
function chosenVersions(config: ModelConfig, model: DemoModel): bigint[] {
  const all = [...model.versions.keys()].sort((a, b) => (a > b ? -1 : 1));
  const { versionPolicy } = config;
  switch (versionPolicy?.kind) {
    case 'all':
      return all;
    case 'specific':
      return all.filter((version) => versionPolicy.versions.includes(version));
    default:
      return all.slice(0, versionPolicy?.numVersions || 1);
  }
}

/** A base path's last part names the kind: "/models/digits". */
function wantedOf(configs: readonly ModelConfig[]): Wanted[] {
  const seen = new Set<string>();
  return configs.map((config) => {
    const { name, basePath } = config;
    if (seen.has(name)) throw invalid(`Illegal to list model ${name} multiple times in config list`);
    seen.add(name);
    if (!basePath.startsWith('/') && !basePath.includes('://')) {
      throw invalid(`Expected model ${name} to have an absolute path or URI; got base_path()=${basePath}`);
    }
    const kind = basePath.slice(basePath.lastIndexOf('/') + 1);
    const model = makeModel(kind);
    if (model === undefined) {
      throw new StatusError(
        Code.UNKNOWN,
        `1 model(s) did not become available: {{{name: ${name} version: 1} due to error: ` +
          `NOT_FOUND: Could not find base path ${basePath} for servable ${name}}, }`,
      );
    }
    return { config, kind, model, versions: chosenVersions(config, model) };
  });
}

/**
 * Handles ModelService.HandleReloadConfigRequest: unloads models that are not in the list, and loads those that
 * are.
 * @param loadingMs how long loading takes
 */
export async function reloadConfig(
  registry: Registry,
  request: Uint8Array,
  loadingMs: number,
): Promise<Uint8Array> {
  const { models } = decodeReloadConfigRequest(request);
  if (models === undefined) {
    throw invalid(
      'ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported',
    );
  }
  const wanted = wantedOf(models);
  const names = new Set(wanted.map(({ config }) => config.name));
  for (const name of registry.names()) if (!names.has(name)) registry.keepOnly(name, []);
  for (const { config, kind, model, versions } of wanted) {
    if (registry.kindOf(config.name) === kind) registry.hold(config.name, model, versions, { loadingMs });
    else registry.add(config.name, kind, model, { versions, loadingMs });
  }
  if (loadingMs > 0) await sleep(loadingMs);
  for (const { config, versions } of wanted) {
    for (const version of config.versionLabels.values()) {
      if (registry.isAvailable(config.name, version)) continue;
      throw new StatusError(
        Code.FAILED_PRECONDITION,
        `Request to assign label to version ${version} of model ${config.name}, which is not currently available for inference`,
      );
    }
    registry.keepOnly(config.name, versions);
    registry.setLabels(config.name, config.versionLabels);
  }
  return encodeReloadConfigResponse({ errorCode: 0, errorMessage: '' });
}
