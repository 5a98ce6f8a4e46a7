import type { Api } from './api.js';

const LIMIT = 100;

interface Page<Item> {
  readonly data: readonly Item[];
  readonly pagination: { readonly totalPages: number };
}

export async function everyPage<Item>(api: Api, path: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let page = 1, pages = 1; page <= pages; page++) {
    const { data, pagination } = await api.get<Page<Item>>(path, { page, limit: LIMIT });
    items.push(...data);
    pages = pagination.totalPages;
  }
  return items;
}
