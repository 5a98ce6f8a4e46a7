import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { format } from 'prettier';
import { versions } from './stack.mjs';

const MARKDOWN = { parser: 'markdown', printWidth: 110 };
const COLOURS = { ours: '#2f6fdb', floor: '#9aa4b2', peer: '#d98c3f' };
const [ROW, LEFT, RIGHT, WIDTH] = [22, 230, 130, 900];

const escape = (text) => String(text).replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** 1,234 · 56.7 · 0.89: three digits that count, or all before the point. */
export const number = (value) =>
  Number.isFinite(value)
    ? value.toLocaleString('en', value < 100 ? { maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 })
    : '–';

const OURS_TO_OTHERS = {
  title: 'ours is',
  against: (results) => results.find(({ role }) => role === 'ours'),
  of: (ours, one) => ours.rate / one.rate,
};

/** Groups of `inTurns` results as a section: `[{ name, results }]`. */
export function rates(
  title,
  groups,
  { unit = 'requests/s', each = 'request', note, ratio = OURS_TO_OTHERS } = {},
) {
  const rows = groups.flatMap(({ name, results }) => {
    const against = ratio.against(results);
    return results.map((one, i) => [
      i === 0 ? `**${name}**` : '',
      one.name,
      ...[one.rate, one.min, one.max].map(number),
      ...[one.p50, one.p99, one.cpu, one.databaseCpu].map(number),
      one === against ? '' : `${number(ratio.of(against, one))} ×`,
    ]);
  });
  return {
    title,
    note,
    columns: [
      '',
      '',
      unit,
      'min',
      'max',
      'p50 ms',
      'p99 ms',
      `CPU µs a ${each}`,
      'of PostgreSQL',
      ratio.title,
    ],
    rows,
    charts: groups.map(({ name, results }) => ({
      name: `${name}, ${unit}`,
      bars: results.map(({ name, role, rate }) => ({ name, role, value: rate })),
    })),
  };
}

/** One picture of a part: bars of ours, its floors and its peers, each group to a scale of its own. */
function picture(charts) {
  let y = 0;
  const parts = charts.map(({ name, bars }) => {
    const most = Math.max(...bars.map(({ value }) => value));
    const title = `<text x="0" y="${(y += ROW)}" font-weight="bold">${escape(name)}</text>`;
    const rows = bars.map(({ name, role, value }) => {
      y += ROW;
      const width = Math.max(1, (value / most) * (WIDTH - LEFT - RIGHT));
      return (
        `<text x="${LEFT - 8}" y="${y}" text-anchor="end">${escape(name)}</text>` +
        `<rect x="${LEFT}" y="${y - 12}" width="${width.toFixed(1)}" height="15" fill="${COLOURS[role]}"/>` +
        `<text x="${LEFT + width + 6}" y="${y}">${number(value)}</text>`
      );
    });
    y += ROW / 2;
    return [title, ...rows].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 10}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="white"/>
${parts.join('\n')}
</svg>
`;
}

/** Without the columns that have nothing in any row. */
function table(columns, rows) {
  const used = columns.map((_, i) => rows.some((cells) => cells[i] !== '–' && cells[i] !== ''));
  const line = (cells) => `| ${cells.filter((_, i) => used[i]).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

function machine() {
  const [{ model }] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  return (
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores (${model.trim()}), ${gigabytes} GB, ` +
    `Node ${process.versions.node}, PostgreSQL ${versions.postgres}, nats-server ${versions.natsServer}.`
  );
}

const nodeMajor = process.versions.node.split('.')[0];

/** Writes `<part>-node<major>.md` and `.svg`, and shows the table. */
export async function report(folder, part, { title, about, sections }) {
  mkdirSync(folder, { recursive: true });
  const name = `${part}-node${nodeMajor}`;
  const charts = sections.flatMap(({ charts = [] }) => charts);
  if (charts.length > 0) writeFileSync(join(folder, `${name}.svg`), picture(charts));
  const text = [
    `## ${title}, Node ${nodeMajor}`,
    machine(),
    about,
    charts.length > 0 ? `![${title}](${name}.svg)` : '',
    ...sections.flatMap(({ title, note = '', columns, rows }) => [
      `### ${title}`,
      note,
      table(columns, rows),
    ]),
  ];
  const markdown = await format(text.filter(Boolean).join('\n\n'), MARKDOWN);
  writeFileSync(join(folder, `${name}.md`), markdown);
  console.log(`\n${markdown}`);
}

/** All parts that were ever run into this folder, one behind the other, each under every Node that it was run with. */
export async function combine(file, folder, parts) {
  const files = readdirSync(folder).sort();
  const texts = parts
    .flatMap((part) => files.filter((name) => name.startsWith(`${part}-node`) && name.endsWith('.md')))
    .map((name) => readFileSync(join(folder, name), 'utf8').replaceAll('](', '](results/'));
  const head = '# What it costs\n\nWritten by `npm run bench`, which says how with `--help`.';
  writeFileSync(file, await format([head, ...texts].join('\n\n'), MARKDOWN));
}
