#!/usr/bin/env node
import { CommanderError } from 'commander';
import { CliError } from './cli-error.js';
import { program } from './program.js';
import { stopCleanly } from './stop-cleanly.js';

stopCleanly();
try {
  await program().parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has told what is wrong, or has shown the help that was asked for.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else {
    console.error(error instanceof CliError ? error.message : `failed: ${reasonOf(error)}`);
    process.exitCode = 1;
  }
}

/** One line. Several addresses that were tried in vain have a message each. */
function reasonOf(error: unknown): string {
  const { message, errors } = error as AggregateError;
  return (message || errors?.map((one: Error) => one.message).join(', ') || String(error)).split('\n')[0]!;
}
