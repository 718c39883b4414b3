/** HandleReloadConfigRequest (model_management.proto, model_server_config.proto). */
import { Reader, wire } from '../reader.ts';
import { Writer } from '../writer.ts';
import { readStatus, type StatusProto, statusWriter } from './model-status.ts';

/** Which versions of a model are served. */
export type VersionPolicy =
  | { readonly kind: 'latest'; readonly numVersions: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'specific'; readonly versions: readonly bigint[] };

export interface ModelConfig {
  readonly name: string;
  readonly basePath: string;
  readonly platform: string;
  /** Undefined means the latest version. */
  readonly versionPolicy?: VersionPolicy;
  readonly versionLabels: ReadonlyMap<string, bigint>;
}

function readSpecific(reader: Reader): bigint[] {
  const versions: bigint[] = [];
  while (reader.next()) {
    if (reader.is(1, wire.varint)) versions.push(reader.int64());
    else if (reader.is(1, wire.bytes)) {
      const run = reader.message();
      while (run.at < run.end) versions.push(run.int64());
    } else reader.skip();
  }
  return versions;
}

function readLatest(reader: Reader): number {
  let numVersions = 0;
  while (reader.next()) {
    if (reader.is(1, wire.varint)) numVersions = reader.uint32();
    else reader.skip();
  }
  return numVersions;
}

function readPolicy(reader: Reader): VersionPolicy | undefined {
  let policy: VersionPolicy | undefined;
  while (reader.next()) {
    if (reader.is(100, wire.bytes)) policy = { kind: 'latest', numVersions: readLatest(reader.message()) };
    else if (reader.is(101, wire.bytes)) {
      reader.skip();
      policy = { kind: 'all' };
    } else if (reader.is(102, wire.bytes))
      policy = { kind: 'specific', versions: readSpecific(reader.message()) };
    else reader.skip();
  }
  return policy;
}

function readLabel(reader: Reader, into: Map<string, bigint>): void {
  let label = '';
  let version = 0n;
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) label = reader.string();
    else if (reader.is(2, wire.varint)) version = reader.int64();
    else reader.skip();
  }
  into.set(label, version);
}

function readModelConfig(reader: Reader): ModelConfig {
  let name = '';
  let basePath = '';
  let platform = '';
  let versionPolicy: VersionPolicy | undefined;
  const versionLabels = new Map<string, bigint>();
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) name = reader.string();
    else if (reader.is(2, wire.bytes)) basePath = reader.string();
    else if (reader.is(4, wire.bytes)) platform = reader.string();
    else if (reader.is(7, wire.bytes)) versionPolicy = readPolicy(reader.message());
    else if (reader.is(8, wire.bytes)) readLabel(reader.message(), versionLabels);
    else reader.skip();
  }
  return {
    name,
    basePath,
    platform,
    versionLabels,
    ...(versionPolicy === undefined ? {} : { versionPolicy }),
  };
}

/** The configured models, or undefined when the request holds no model_config_list. */
export function decodeReloadConfigRequest(bytes: Uint8Array): { models: ModelConfig[] | undefined } {
  const reader = new Reader(bytes);
  let models: ModelConfig[] | undefined;
  while (reader.next()) {
    if (!reader.is(1, wire.bytes)) {
      reader.skip();
      continue;
    }
    const config = reader.message();
    while (config.next()) {
      if (!config.is(1, wire.bytes)) {
        config.skip();
        continue;
      }
      models ??= [];
      const list = config.message();
      while (list.next()) {
        if (list.is(1, wire.bytes)) models.push(readModelConfig(list.message()));
        else list.skip();
      }
    }
  }
  return { models };
}

/** Encodes a ReloadConfigResponse (model_management.proto) with this status. */
export function encodeReloadConfigResponse(status: StatusProto): Uint8Array {
  return new Writer().message(1, statusWriter(status)).finish();
}

/**
 * Returns the status of a ReloadConfigResponse; code 0 (OK) when it is absent.
 * @throws StatusError INVALID_ARGUMENT for malformed protobuf
 */
export function decodeReloadConfigResponse(bytes: Uint8Array): StatusProto {
  const reader = new Reader(bytes);
  let status: StatusProto = { errorCode: 0, errorMessage: '' };
  while (reader.next()) {
    if (reader.is(1, wire.bytes)) status = readStatus(reader.message());
    else reader.skip();
  }
  return status;
}
