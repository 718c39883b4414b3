/** docs/bridging.md: the table of doors and backends, from the test's own. */
import {
  type BackendName,
  backends,
  type DoorName,
  doors,
  exceptions,
  operations,
} from '../../test/bridge/matrix.ts';

/** The exceptions of a cell, by their numbers below the table. */
function cell(door: DoorName, backend: BackendName): string {
  const notes = exceptions.flatMap((each, i) =>
    each.backends.includes(backend) && (each.doors === undefined || each.doors.includes(door)) ? [i + 1] : [],
  );
  return notes.length === 0 ? 'all' : `all but ${notes.map((note) => `[${note}]`).join(' ')}`;
}

const table = [
  `| door | ${backends.map(({ title }) => title).join(' | ')} |`,
  `| --- | ${backends.map(() => '---').join(' | ')} |`,
  ...doors.map(
    ({ name, title }) => `| ${title} | ${backends.map((each) => cell(name, each.name)).join(' | ')} |`,
  ),
];

const notes = exceptions.map(
  ({ operations, codes, why }, i) => `${i + 1}. ${operations.join(', ')}: ${codes.join(' or ')}. ${why}`,
);

export const bridgingPage = `# Bridging

Made from \`test/bridge/matrix.ts\` by \`scripts/docs/bridging.ts\`; do not edit. Every client API works before every server API. Each cell
was tried by \`test/bridge/table.test.ts\`: the state of a model, its metadata, and a tensor of each of the ${operations.length - 2} types that both APIs
have (FP16 to FP64, BF16, signed and unsigned integers of 8 to 64 bits, BOOL, BYTES), there and back.

${table.join('\n')}

${notes.join('\n')}

What stood behind each column:

${backends.map(({ title, scheme, server }) => `- ${title}: \`${scheme}\`, ${server}`).join('\n')}

## Rules

- A call in an API that its backend speaks over gRPC passes untouched. So do inferences of V2 over REST in a fleet whose backends are all
  \`kserve+http://\`: the body, whatever is in it, and the answer, byte by byte; errors are the server's own, as this gateway writes them. Such a body is read after
  all where its server lacks what it needs (the binary tensor extension; JSON for 16-bit floats and members that are null, at Triton; lists of outputs, at OpenVINO Model Server), for a
  model that is stateful or mirrored, where \`rest.nonFinite\` is set, and in its raw form. Any other call is read whole; tensors are not copied between
  two gRPC messages.
- \`grpc://\` asks a backend what it speaks: GetModelStatus and ServerMetadata, each either answered or UNIMPLEMENTED. It is asked again
  when its connection is lost, and when a health check finds that it does not know the method any more.
- A fleet may hold servers of several APIs. Health is the state of a model's versions, whichever way a server says it.
- Version 0 means the default. Versions of V2 are texts: \`v1.2\` and \`007\` reach V2 servers as the client wrote them, whichever the transport,
  and \`model_version\` is what the server said. Such a version goes to the backends that list it in the model's metadata; where none does, to
  those that list no versions at all, as MLServer's do unless \`versions\` of a model's settings says them, and of these up to four are asked until
  one has it. TensorFlow Serving has numbers: before it a text is a label, and where no model has that label, its error names it.
- To TensorFlow Serving's clients a V2 model without numbered versions has version 1, which is its default; a label of theirs is a V2 version.
- V2 has one signature: TensorFlow Serving's clients see it as \`serving_default\`, and a \`signature_name\` of theirs is not looked at. V2
  clients reach the signature \`serving_default\` of TensorFlow Serving's models.
- A string without a dimension becomes a list of one for models whose signature begins with the batch (-1), whichever API their server
  speaks, and the outputs of one row lose theirs: OpenVINO Model Server takes such strings, TensorFlow does or not, as the operations of the
  graph like it. \`inputs.addBatchDimension\` has it for numbers too, or for nobody. V2 servers get a list of one of such clients
  whatever the signature says.
- Numbers of Predict replies come as the server writes them, TensorFlow Serving's in typed fields (float_val and so on), except for clients that ask
  for a version that is present and 0, as OpenVINO Model Server's do: they get tensor_content, which its Go demo reads alone.
  \`outputs.tensorContent: all\` has it for those too that say no version, as its C++ demo; \`off\` for nobody.
- Which outputs a V2 client gets of a V2 server, and in which order, that server alone decides. For all others the gateway picks the wanted ones
  where a server gives all, and for OpenVINO Model Server's V2 over REST, which is not told them.
- \`GET /v2\` and ServerMetadata have the gateway's own name and version, and the extensions that hold whichever server answers: \`binary_tensor_data\`,
  which is the gateway's, and of \`classification\`, \`model_configuration\`, \`parameters\`, \`schedule_policy\`, \`sequence\` and \`statistics\` those that every
  backend lists which is up. Each is asked once for a connection, when a client asks; one that does not answer within \`fleets.NAME.health.timeoutMs\` counts
  as one that has none. \`logging\`, \`model_repository\` and \`trace\` are listed so with \`grpc.allowAdmin\`; shared memory, which is of one machine, is not.
- \`id\` and the parameters of a V2 message, of its inputs, requested outputs and outputs pass through every conversion between V2's transports, and
  those of model metadata and its tensors, which MLServer has;
  only \`binary_data\`, \`binary_data_size\` and \`binary_data_output\` end where a body is read. JSON lists and objects among parameters are passed
  over, since gRPC has none. TensorFlow Serving's API has no parameters: it is UNIMPLEMENTED to ask it for a \`classification\`.
- A model that declares no tensors, as most of KServe's own server do: \`:predict\` passes to servers that speak KServe's V1 beside V2 (\`kserve+http://\`, found
  out by GET /v1/models, which lists names there), body and answer as they are, within the limits of every body. V1 names no version. With one, and before servers that speak
  V2 alone (MLServer, KServe over gRPC), the JSON says what the tensors are: integers are INT64, numbers of which any has a fraction or an exponent FP64, and a tensor
  without a name is \`input-0\`; a body of more than 1 MiB is INVALID_ARGUMENT there. Predict over gRPC names and types its tensors itself.
- KServe's V1 \`:explain\` passes in the same way, whatever the model declares, and is UNIMPLEMENTED (501) before all others. A model that declares
  its tensors is asked in V2 for \`:predict\` where its server speaks V1 too: bodies of TensorFlow Serving's clients have forms (columns, base64, a signature) that
  KServe's V1 has not.
- V2 REST servers get an id with calls of APIs that have none, since models of KServe's server fail without one.
- Classify, Regress and MultiInference, ModelConfig and ModelStatistics have no equivalent in the other API (of TensorFlow Serving, of V2):
  UNIMPLEMENTED. Complex and quantized tensors have none in V2: INVALID_ARGUMENT. Inputs in shared memory stay with V2 servers.
- ModelStreamInfer passes untouched before V2 servers over gRPC. Before all others each message is one inference, asked of the same backend when the one before is
  answered and its answer read, so the answers come in the order of the requests. As at Triton, a request that fails is a message with \`error_message\` and the
  request's id, and the stream goes on; each answer says \`triton_final_response: true\`. Decoupled models cannot be asked so: Triton's refusal is the error. A
  backend that breaks off ends the stream with UNAVAILABLE; one that could not be reached for the first message is exchanged for another.
- Triton's generate extension (\`POST /v2/models/M[/versions/V]/generate\` and \`/generate_stream\`) passes as it is before V2 servers over HTTP. Before V2
  servers over gRPC it is one ModelStreamInfer: members of the JSON that the model's metadata has as inputs become tensors of its shape, all others parameters,
  as Triton does it; see [generative.md](generative.md#triton). TensorFlow Serving's API has no equivalent: 501.
- V2 infer over REST with \`Accept: text/event-stream\`, or at MLServer's \`/infer_stream\`, is one ModelStreamInfer before V2 servers over gRPC, each answer
  a server-sent event, and passes as it is before V2 servers over HTTP that have \`infer_stream\`; the answer of those that have not is one event. See
  [generative.md](generative.md#decoupled-models).
- Triton's model configuration and statistics (\`GET /v2/models/M[/versions/V]/config\` and \`/stats\`, \`/v2/models/stats\`; ModelConfig and ModelStatistics) are
  asked of every backend of the fleet that has the model, whichever the door and the transports; \`?backend=HOST:PORT\`, or the header or metadata \`x-tensorgate-backend\`, names
  one. Statistics are sums by model, version, batch size, memory and response; \`last_inference\` is the latest. A configuration is the one that most backends have,
  and \`x-config-differs\` says where others differ, as does a line of the log. \`x-backends-asked\` names those that were asked, \`x-backends-failed\` those that did not
  answer within \`fleets.NAME.health.timeoutMs\`, or with an error, with its code ([97](decisions/0097-many-servers-answer-as-one.md)). What one backend alone answers passes as it
  wrote it. Between JSON and protobuf, and in sums for clients of gRPC, members that are newer than Triton 2.51's are left out. Without a model's name, statistics are those
  of all fleets, by the names that clients ask by; with one, entries have the server's own name for the model. A server without the extension: 501, UNIMPLEMENTED. A model
  that is named \`stats\` cannot be asked for its metadata at \`/v2/models/stats\`, at Triton neither.
- The raw form of the binary tensor extension (\`Inference-Header-Content-Length: 0\`: the body is the model's one input) works before every server. Name, type
  and shape are the model's; of several open dimensions the innermost takes what is left and the others are 1, of strings the body is one. Outputs come as
  bytes behind their JSON. Triton refuses two open dimensions without a batch, and strings of shape [-1]; metadata does not tell them from a batch.
- What changes servers is refused (403, PERMISSION_DENIED) unless \`grpc.allowAdmin\` is true. Then RepositoryModelLoad and RepositoryModelUnload
  (\`POST /v2/repository[/R]/models/M/load\` and \`/unload\`) go to every backend of the model's fleet (of the default fleet for a model that no configuration names), parameters
  and the contents of files among them (bytes over gRPC, base64 over REST), whichever the door and the transports. TraceSetting and LogSettings (\`/v2/trace/setting\`,
  \`/v2/models/M/trace/setting\`, \`/v2/logging\`) go to every V2 server, and the answer is compared as configurations are. HandleReloadConfigRequest goes to every
  TensorFlow Serving of the fleet that has the models in it, whose names are the servers' own. Where all did it, the answer is a success; where one failed, or is down, an error that says
  how each did. Backends of an API without the call are passed over. \`?backend=\` and \`x-tensorgate-backend\` name one. Over REST, pages in browsers are refused.
- Shared memory is of one machine: its methods (SystemSharedMemoryRegister and so on, \`/v2/systemsharedmemory/...\`, \`/v2/cudasharedmemory/...\`) reach a fleet of one backend, over
  either door and either transport, with \`grpc.allowAdmin\` (a status without); before more backends they are UNIMPLEMENTED, 501. Tensors in it work where
  client and server speak over the same transport.
- JSON servers without the binary tensor extension take strings that are UTF-8 only: INVALID_ARGUMENT for others.
- OpenVINO Model Server up to 2026.2 takes one encoding of each type in its TensorFlow Serving API. A \`grpc://\` backend that says it is
  one gets its tensors so; for \`tfs://\` backends \`fleets.NAME.encoding: ovms\` says it.

## As the server itself answers

\`test/bridge/random-v2.test.ts\` asks random V2 requests of random models (every datatype, ranks 0 to 4, empty tensors, strings of any bytes, parameters
of every kind) through either door before either transport of Triton and MLServer. Each answer has every member of the one that the server itself gives to
the same request in the door's protocol, and the model has seen the same request, but for this:

- Triton takes and gives no FP16 and BF16 as JSON, and reads FP64 from JSON up to three places of the last digit beside the double that is meant. The gateway
  does the one, and reads doubles exactly.
- \`binary_data_output\` holds for outputs that \`outputs\` lists without \`binary_data\`, as the binary tensor extension says it; Triton answers JSON for these.
- MLServer makes an id over REST where the client gives none, and none over gRPC: the client has what the transport gives. An empty id is none.
- MLServer's gRPC has no doubles among parameters: what is 0.5 in JSON does not get through it, in neither direction.
- Where a body is read and does not pass, what is wrong is 400; Triton has 500 for much of it and MLServer 422. MLServer takes values of any type for any datatype and
  shape; the gateway takes there what Triton takes (5.0 is an INT32 with \`rest.strictDtypes: false\` alone). A body whose shapes say more elements than \`limits\` let a tensor have is
  read and refused: Triton 2.51 dies of them, and a retry would take the next one down.
- An id with characters beyond printable ASCII, or a control character, is the end of an answer of MLServer's, which has it among its headers: its own error or 503.
`;
