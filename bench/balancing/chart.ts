/** A bar chart of shares as an SVG that needs nothing else. */
import type { Result } from './simulation.ts';

export interface Row {
  readonly policy: string;
  readonly result: Result;
}

const colours = ['#4269d0', '#efb118', '#3ca951', '#ff725c', '#6cc5b0', '#a463f2'];
const barHeight = 22;
const left = 150;
const barWidth = 420;
const right = 190;

/** One bar a policy, split by server; the latencies beside it. */
export function chart(title: string, servers: readonly string[], rows: readonly Row[]): string {
  const width = left + barWidth + right;
  const height = 70 + rows.length * (barHeight + 8);
  const parts: string[] = [];
  servers.forEach((name, i) => {
    const x = left + i * (barWidth / servers.length);
    parts.push(
      `<rect x="${x}" y="30" width="10" height="10" fill="${colours[i % colours.length] ?? ''}"/>`,
      `<text x="${x + 14}" y="39">${name}</text>`,
    );
  });
  rows.forEach(({ policy, result }, row) => {
    const y = 52 + row * (barHeight + 8);
    parts.push(`<text x="${left - 8}" y="${y + 15}" text-anchor="end">${policy}</text>`);
    let x = left;
    result.shares.forEach((share, i) => {
      const w = share * barWidth;
      parts.push(
        `<rect x="${x.toFixed(1)}" y="${y}" width="${w.toFixed(1)}" height="${barHeight}" fill="${colours[i % colours.length] ?? ''}"/>`,
      );
      x += w;
    });
    const failed = result.failed > 0 ? `, ${(result.failed * 100).toFixed(1)} % failed` : '';
    parts.push(
      `<text x="${left + barWidth + 8}" y="${y + 15}">p50 ${result.p50Ms.toFixed(0)}, p99 ${result.p99Ms.toFixed(0)} ms${failed}</text>`,
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    '<rect width="100%" height="100%" fill="#ffffff"/>',
    `<text x="${left}" y="18" font-weight="bold">${title}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
