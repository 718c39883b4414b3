/** What a call means, whichever API says it: named tensors in, named tensors out, states, signatures. */
import type { Target } from '../call/index.ts';
import type {
  Chunks,
  ExactJson,
  ExactObject,
  NamedChunks,
  Signature,
  V2MemoryQuestion,
  V2ModelIndex,
  V2ModelMetadata,
  V2Parameters,
  V2RepositoryChange,
  V2RequestedOutput,
  V2SettingKind,
  V2Settings,
} from '../codec/index.ts';
import type { V1Verb, VersionState } from '../models/index.ts';

export interface Inference {
  readonly target: Target;
  /** The version in the client's own words, where its API has texts for versions; the target's otherwise. */
  readonly version?: string | undefined;
  /** The client's name for the request, which the reply repeats; empty for none. */
  readonly id: string;
  readonly parameters: V2Parameters;
  readonly inputs: NamedChunks;
  /** Parameters of single inputs, by input. */
  readonly inputParameters: ReadonlyMap<string, V2Parameters>;
  /** The outputs that are wanted; empty means all. */
  readonly outputs: readonly V2RequestedOutput[];
}

export interface InferenceReply {
  /** The version that ran, as a number; undefined when the server does not say. */
  readonly version: bigint | undefined;
  /** The same as the server says it; empty when it does not. */
  readonly versionText: string;
  /** The server's name for the request; empty when it has none. */
  readonly id: string;
  readonly parameters: V2Parameters;
  readonly outputs: NamedChunks;
  /** Parameters of single outputs, by output. */
  readonly outputParameters: ReadonlyMap<string, V2Parameters>;
}

export interface ModelDescription {
  /** The version that is described. */
  readonly version: bigint;
  /** Every version that answers. */
  readonly versions: readonly bigint[];
  /** "OpenVINO", "tensorflow", ...; empty when the server does not say. */
  readonly platform: string;
  readonly signatures: ReadonlyMap<string, Signature>;
}

/**
 * What only V2's servers can be asked: versions are texts, and what they say of a model has members that other APIs
 * lack.
 */
export interface V2Questions {
  /** @param version empty for the server's choice */
  readonly ready: (model: string, version: string) => Promise<boolean>;
  readonly metadata: (model: string, version: string) => Promise<V2ModelMetadata>;
}

/** A model server as any dialect sees it; it throws the server's own status as a StatusError from the backend. */
export interface ModelServer {
  infer(inference: Inference): Promise<InferenceReply>;
  /** The asked version's state, or that of all versions. */
  status(target: Target): Promise<readonly VersionState[]>;
  describe(target: Target): Promise<ModelDescription>;
  /**
   * KServe's V1, JSON in and out as they are; absent where its API has none, UNIMPLEMENTED where the server does not
   * speak it.
   */
  v1?(verb: V1Verb, model: string, body: Chunks): Promise<Chunks>;
  /**
   * Triton's model configuration or statistics as its HTTP endpoint writes them; absent where its API has none.
   * @param model empty for the statistics of all
   */
  extension?(kind: 'config' | 'stats', model: string, version: string): Promise<Uint8Array>;
  /** Loads or unloads a model; absent where its API has none, UNIMPLEMENTED where the server lacks it. */
  change?(what: 'load' | 'unload', change: V2RepositoryChange): Promise<void>;
  /** Asks or tells it about shared memory; gives the regions of a status. The same about UNIMPLEMENTED. */
  memory?(question: V2MemoryQuestion, asked: ExactObject): Promise<readonly ExactJson[]>;
  /** Its trace or log settings after these were set; the same about UNIMPLEMENTED. */
  settings?(kind: V2SettingKind, asked: V2Settings): Promise<ExactObject>;
  /**
   * Every model that it has or could load; absent where its API has no such question, UNIMPLEMENTED where the server
   * lacks it.
   */
  list?(): Promise<readonly V2ModelIndex[]>;
  /** Undefined for a server of another API. */
  readonly v2: V2Questions | undefined;
}
