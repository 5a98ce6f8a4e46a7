import type { Caller } from './call.js';

/** One scrape: the value of each series, by its name and labels as they stand there. */
export class Scrape {
  private constructor(private readonly series: ReadonlyMap<string, number>) {}

  static async of(caller: Caller): Promise<Scrape> {
    const { status, text } = await caller.get('/metrics');
    if (status !== 200) throw new Error(`/metrics answered ${status}: ${text}`);
    const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    const values = lines.map((line) => {
      const cut = line.lastIndexOf(' ');
      const value = line.slice(cut + 1);
      return [line.slice(0, cut), Number(value === 'Nan' ? NaN : value)] as const;
    });
    return new Scrape(new Map(values));
  }

  /** 0 for a counter that nothing has counted yet. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return this.series.get(pairs.length > 0 ? `${name}{${pairs.join(',')}}` : name) ?? 0;
  }

  has(name: string): boolean {
    return this.series.has(name);
  }

  /** The values that one label has, over all series of a metric. */
  valuesOf(name: string, label: string): Set<string> {
    const pattern = new RegExp(`^${name}\\{(?:.*,)?${label}="([^"]*)"`);
    return new Set([...this.series.keys()].flatMap((key) => pattern.exec(key)?.[1] ?? []));
  }
}
