import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');

interface Registration {
  readonly kind: string;
  readonly labels: readonly string[];
}

/** Each metric of an app, as its source registers it. */
const registered = [
  'apps/sessions-api/src/metrics.ts',
  'apps/session-projector/src/metrics.ts',
  'libs/telemetry/src/process-metrics.ts',
].flatMap((path) => {
  const source = read(path);
  const made = [...source.matchAll(/new (Gauge|Counter|Histogram)\(\{\s*name: '(\w+)',([^}]*)\}\)/g)].map(
    ([, kind, name, settings]) => {
      const [, labels = ''] = /labelNames: \[([^\]]*)\]/.exec(settings!) ?? [];
      return [name!, { kind: kind!, labels: labels.match(/\w+/g) ?? [] }] as const;
    },
  );
  const gauges = [...source.matchAll(/this\.gauge\(\s*'(\w+)'/g)].map(
    ([, name]) => [name!, { kind: 'Gauge', labels: [] }] as const,
  );
  return [...made, ...gauges];
});
const metrics = new Map<string, Registration>(registered);

/** Set by Prometheus at each scrape. */
const OF_TARGETS = ['instance', 'job'];

/** prom-client's own, which both apps have as well. */
const DEFAULT_METRICS = [
  'process_cpu_seconds_total',
  'process_resident_memory_bytes',
  'nodejs_eventloop_lag_p99_seconds',
];

/** What a query may select by the name of a metric. */
const series = new Map(
  [...metrics].flatMap(([name, { kind, labels }]) =>
    kind === 'Histogram'
      ? [
          [`${name}_bucket`, [...labels, 'le']],
          [`${name}_sum`, labels],
          [`${name}_count`, labels],
        ]
      : [[name, labels]],
  ) as [string, readonly string[]][],
);

const namesIn = (expr: string) =>
  (expr.replaceAll(/"[^"]*"/g, '').match(/\b(?:signoff|process|nodejs)_\w+/g) ?? []) as string[];

const unknownIn = (expr: string) =>
  namesIn(expr).filter((name) => !series.has(name) && !DEFAULT_METRICS.includes(name));

/** Labels that are asked for, and that no metric of the query has. */
function unknownLabelsIn(expr: string): string[] {
  const known = new Set([...OF_TARGETS, ...namesIn(expr).flatMap((name) => series.get(name) ?? [])]);
  const selected = [...expr.matchAll(/[{,]\s*(\w+)\s*[=!]~?=?\s*"/g)].map(([, label]) => label!);
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/,\s*/));
  return [...selected, ...grouped].filter((label) => !known.has(label));
}

const balanced = (expr: string) =>
  ['()', '{}', '[]'].every(([open, close]) => expr.split(open!).length === expr.split(close!).length);

/** Every code that a problem can have, and so every value of the label. */
const codes = new Set(
  ['problem.ts', 'problem-of.ts'].flatMap((file) =>
    [
      ...read(`apps/sessions-api/src/http/${file}`).matchAll(/^ {2}([A-Z_]+): \d{3},|code: '([A-Z_]+)'/gm),
    ].map(([, inTable, literal]) => inTable ?? literal!),
  ),
);

const unknownCodesIn = (expr: string) =>
  [...expr.matchAll(/\bcode=~?"([^"]*)"/g)]
    .flatMap(([, value]) => value!.split('|'))
    .filter((code) => !codes.has(code));

describe('the metrics of the code', () => {
  it('are found as they are registered', () => {
    expect(metrics.size).toBeGreaterThan(15);
    expect(metrics.get('signoff_http_request_seconds')).toEqual({
      kind: 'Histogram',
      labels: ['method', 'route', 'status'],
    });
    expect(metrics.get('signoff_relay_lag_seconds')).toEqual({ kind: 'Gauge', labels: [] });
    const named = [...read('apps/sessions-api/src/metrics.ts').matchAll(/'(signoff_\w+)'/g)];
    expect(named.filter(([, name]) => !metrics.has(name!))).toEqual([]);
  });
});

describe('docs/grafana-dashboard.json', () => {
  interface Panel {
    readonly id: number;
    readonly type: string;
    readonly title: string;
    readonly gridPos: { x: number; y: number; w: number; h: number };
    readonly targets?: { expr: string; legendFormat: string; datasource: { uid: string } }[];
  }
  const dashboard = JSON.parse(read('docs/grafana-dashboard.json')) as {
    uid: string;
    schemaVersion: number;
    templating: { list: { name: string; type: string; query: string }[] };
    panels: Panel[];
  };
  const panels = dashboard.panels.filter(({ type }) => type !== 'row');
  const targets = panels.flatMap(({ title, targets = [] }) => targets.map((one) => ({ title, ...one })));

  it('can be imported into any Grafana that has a Prometheus', () => {
    expect(dashboard.schemaVersion).toBeGreaterThan(30);
    expect(dashboard.templating.list).toMatchObject([
      { name: 'datasource', type: 'datasource', query: 'prometheus' },
    ]);
    expect(targets.length).toBeGreaterThan(20);
    expect(new Set(targets.map(({ datasource }) => datasource.uid))).toEqual(new Set(['${datasource}']));
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  it('has no panel above another, or beyond the edge', () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    for (const { gridPos } of dashboard.panels) expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
  });

  it('asks only for metrics and labels that there are', () => {
    expect(targets.filter(({ expr }) => namesIn(expr).length === 0)).toEqual([]);
    expect(targets.flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
    expect(targets.flatMap(({ expr }) => unknownLabelsIn(expr))).toEqual([]);
    expect(targets.filter(({ expr }) => !balanced(expr))).toEqual([]);
  });

  it('names in each legend only labels that the answer has', () => {
    for (const { expr, legendFormat } of targets) {
      const kept = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/,\s*/));
      const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label!);
      const whole = /^(rate\()?\w+(\[|$)/.test(expr);
      expect([expr, shown.filter((label) => !kept.includes(label) && !whole)]).toEqual([expr, []]);
    }
  });

  it('shows every metric', () => {
    const shown = new Set(targets.flatMap(({ expr }) => namesIn(expr)));
    const unseen = [...metrics.keys()].filter(
      (name) => ![name, `${name}_bucket`, `${name}_count`].some((one) => shown.has(one)),
    );
    expect(unseen).toEqual([]);
  });
});

describe('docs/alerts.yml', () => {
  interface Rule {
    readonly alert: string;
    readonly expr: string;
    readonly for?: string;
    readonly labels: { readonly severity: string };
    readonly annotations: { readonly summary: string; readonly runbook: string };
  }
  const { groups } = parse(read('docs/alerts.yml')) as { groups: { name: string; rules: Rule[] }[] };
  const rules = groups.flatMap(({ rules }) => rules);

  it('has for each alert a name of its own, a severity, what happened and what to do', () => {
    expect(rules.length).toBeGreaterThan(10);
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const rule of rules) {
      expect(Object.keys(rule).filter((key) => key !== 'for')).toEqual([
        'alert',
        'expr',
        'labels',
        'annotations',
      ]);
      expect(rule.alert).toMatch(/^Signoff[A-Z]\w+$/);
      expect(rule.for ?? '1m').toMatch(/^\d+[smh]$/);
      expect(['critical', 'warning', 'info']).toContain(rule.labels.severity);
      expect(Object.keys(rule.annotations)).toEqual(['summary', 'runbook']);
      for (const text of Object.values(rule.annotations)) expect(text).toMatch(/^\S[^\n]+[.?]$/);
    }
  });

  it('asks only for metrics, labels and codes that there are', () => {
    expect(rules.filter(({ expr }) => namesIn(expr).length === 0)).toEqual([]);
    expect(rules.flatMap(({ expr }) => unknownIn(expr))).toEqual([]);
    expect(rules.flatMap(({ expr }) => unknownLabelsIn(expr))).toEqual([]);
    expect(rules.flatMap(({ expr }) => unknownCodesIn(expr))).toEqual([]);
    expect(rules.filter(({ expr }) => !balanced(expr))).toEqual([]);
  });

  it('sends the reader to log lines that the code writes', () => {
    const written = ['http/refusals.ts', 'main.ts']
      .map((path) => read(`apps/sessions-api/src/${path}`))
      .join();
    const told = rules.flatMap(
      ({ annotations }) =>
        (annotations.runbook.match(/\b(?:security|request|api)\.[a-z-]+/g) ?? []) as string[],
    );
    expect(told.length).toBeGreaterThan(4);
    expect(told.filter((name) => !written.includes(`'${name}'`))).toEqual([]);
  });
});
