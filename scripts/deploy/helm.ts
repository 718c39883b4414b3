/** Renders the chart with Helm, where scripts/test-tools.sh has installed it. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, stringify } from 'yaml';

const chart = fileURLToPath(new URL('../../deploy/helm/tensorgate', import.meta.url));

export const helm = join(
  process.env.TENSORGATE_TOOLS_DIR ?? join(homedir(), '.cache', 'tensorgate-tools'),
  'bin',
  'helm',
);

export const hasHelm = (): boolean => existsSync(helm);

const opening = `# Rendered from deploy/helm/tensorgate (ci/default-values.yaml) by scripts/deploy/; do not edit.
# A stateless gateway: any number of replicas side by side. A Service of model servers must be headless or its pods named one by one.
`;

/** Plain manifests for those who have no Helm: without its labels, which would lie. */
export function plainManifests(): string {
  const values = join(chart, 'ci', 'default-values.yaml');
  const rendered = execFileSync(helm, ['template', 'tensorgate', chart, '--values', values], {
    encoding: 'utf8',
  });
  const lines = rendered
    .split('\n')
    .filter((line) => !/^\s*(helm\.sh\/chart|app\.kubernetes\.io\/managed-by): |^# Source: /.test(line));
  return `${opening}${lines
    .join('\n')
    .replaceAll(/\n+---/g, '\n---')
    .trimEnd()}\n`;
}

/** The rules of the chart's PrometheusRule, for a Prometheus without the operator. */
export function plainRules(): string {
  const values = join(chart, 'ci', 'default-values.yaml');
  const rendered = execFileSync(
    helm,
    [
      ...['template', 'tensorgate', chart, '--values', values],
      ...['--set', 'prometheusRule.enabled=true', '--show-only', 'templates/prometheusrule.yaml'],
    ],
    { encoding: 'utf8' },
  );
  const { spec } = parse(rendered) as { spec: object };
  return `# Rendered from deploy/helm/tensorgate/files/rules.yaml by scripts/deploy/; do not edit.\n${stringify(spec, { lineWidth: 0 })}`;
}
