/** Writes what the chart and its neighbours are made of; --check compares. */
import { readFileSync, writeFileSync } from 'node:fs';
import { format } from 'prettier';
import { parse } from 'yaml';
import { dashboards, grafana } from './dashboards.ts';
import { hasHelm, plainManifests, plainRules } from './helm.ts';
import { chartReadme, valuesSchema } from './values.ts';

const root = new URL('../../', import.meta.url);
const chart = 'deploy/helm/tensorgate';
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const check = process.argv.includes('--check');
let stale = false;

function write(path: string, text: string): void {
  const url = new URL(path, root);
  if (!check) return writeFileSync(url, text);
  let now = '';
  try {
    now = readFileSync(url, 'utf8');
  } catch {
    // missing is stale too
  }
  if (now === text) return;
  stale = true;
  console.error(`${path} is out of date: run node scripts/deploy/main.ts`);
}

const json = (value: unknown): Promise<string> =>
  format(JSON.stringify(value), { parser: 'json', printWidth: 110 });

const values = read(`${chart}/values.yaml`);
write(`${chart}/values.schema.json`, await json(valuesSchema(values)));
write(
  `${chart}/README.md`,
  await format(
    chartReadme(values, parse(read(`${chart}/Chart.yaml`)) as { version: string; description: string }),
    { parser: 'markdown', printWidth: 140 },
  ),
);
for (const dashboard of dashboards) {
  const text = await json(grafana(dashboard));
  write(`deploy/grafana/${dashboard.name}.json`, text);
  // Helm reads files of the chart's own folder alone
  write(`${chart}/files/dashboards/${dashboard.name}.json`, text);
}
// Helm reads what is written above
if (hasHelm()) {
  write('deploy/kubernetes.yaml', plainManifests());
  write('deploy/prometheus/rules.yaml', plainRules());
} else
  console.error(
    'SKIP deploy/kubernetes.yaml and deploy/prometheus/rules.yaml: helm is not installed (scripts/test-tools.sh helm)',
  );
process.exitCode = stale ? 1 : 0;
