import { InvalidArgumentError } from 'commander';

export function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It is no whole number.');
  return Number(text);
}

/** `--key one --key two` */
export const collect = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];
