/** What a terminal shows and a file does not: colour. And tables, which both get. */
import { styleText } from 'node:util';

export type Paint = (color: 'green' | 'yellow' | 'red' | 'gray' | 'bold', text: string) => string;

/**
 * Colours for a stream: none unless it is a terminal that has them, and nobody says NO_COLOR (https://no-color.org).
 */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const colored = stream.isTTY && stream.hasColors() && (process.env.NO_COLOR ?? '') === '';
  return (color, text) => (colored ? styleText(color, text, { validateStream: false }) : text);
}

/** Escape sequences take no room on the screen. */

const escapes = /\u001b\[[0-9;]*m/g;
const widthOf = (text: string): number => [...text.replace(escapes, '')].length;

/**
 * Rows of cells in columns as wide as they need, two spaces apart and two from the edge; no space at the ends of
 * lines.
 */
export function table(rows: readonly (readonly string[])[]): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...rows.map((row) => widthOf(row[i] ?? ''))),
  );
  return rows
    .map((row) => {
      const cells = row.map((cell, i) => cell + ' '.repeat((widths[i] ?? 0) - widthOf(cell)));
      return `${`  ${cells.join('  ')}`.trimEnd()}\n`;
    })
    .join('');
}
