/**
 * docs/v2-protocol.md: each member of the Open Inference Protocol and what becomes of it, from the test's own table.
 */
import { protocol } from '../../test/bridge/protocol/index.ts';
import { type Cell, type Row, ways } from '../../test/bridge/protocol/rows.ts';

const notes: string[] = [];

/** The number of a note below the tables; the same words are one. */
function note(text: string): string {
  if (!notes.includes(text)) notes.push(text);
  return `[${notes.indexOf(text) + 1}]`;
}

function wordOf(cell: Cell): string {
  switch (cell.kind) {
    case 'none':
      return '–';
    case 'same':
      return { all: 'all backends', one: 'one backend', passes: 'passes', translated: 'translated' }[
        cell.how
      ];
    case 'own':
      return `own ${note(cell.what)}`;
    case 'refused':
      return `refused, ${cell.status} ${note(cell.why)}`;
  }
}

const rowOf = (row: Row): string => {
  const cells = ways.map((way) => wordOf(row.cells[way]));
  return `| ${row.member}${row.permission === true ? ' (with permission)' : ''} | ${cells.join(' | ')} |`;
};

const tables = protocol.map(
  ({ title, rows }) => `## ${title}

| member | REST to REST | REST to gRPC | gRPC to REST | gRPC to gRPC |
| --- | --- | --- | --- | --- |
${rows.map(rowOf).join('\n')}`,
);

export const v2ProtocolPage = `# The V2 protocol, member by member

Made from \`test/bridge/protocol/\` by \`scripts/docs/v2-protocol.ts\`; do not edit. The Open Inference Protocol (KServe V2) and Triton's extensions to it, for a
client of REST or of gRPC before a server of REST (\`kserve+http://\`) or of gRPC (\`kserve://\`, \`grpc://\`). \`test/bridge/protocol.test.ts\` tries every cell before
Triton 2.51: the answer equals the one that Triton gives to the same question in the client's own protocol.

- **passes**: question and answer go through as they came.
- **translated**: between JSON and protobuf; the answer is the server's own all the same.
- **all backends**: asked of every backend of the fleet, and one answer made of theirs ([bridging.md](bridging.md#rules)).
- **one backend**: the same of a fleet of one; before more it is refused, since the memory is of one machine.
- **own**: the gateway's answer, and **refused** with a status, for the reason below.
- **with permission**: it changes servers, and is refused (403, PERMISSION_DENIED) unless \`grpc.allowAdmin\` is true.
- **–**: the client's protocol has no such question.

${tables.join('\n\n')}

## Notes

${notes.map((text, i) => `${i + 1}. ${text[0]?.toUpperCase()}${text.slice(1)}.`).join('\n')}
`;
