import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { ConnectOptions } from '../connect.js';
import type { Asked } from './asked.js';

export interface RevocationsModuleOptions extends ConnectOptions {
  readonly jwks: string | URL;
  /** Whether the application's start waits until everything is held and fresh. True by default. */
  readonly waitUntilReady?: boolean;
  /** Where the credential stands. By default as `credentialIn` says. */
  readonly credentialIn?: (asked: Asked) => string | undefined;
}

/** Injects the `Revocations` of the module. */
export const REVOCATIONS = Symbol('Revocations');

export const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN: OPTIONS } =
  new ConfigurableModuleBuilder<RevocationsModuleOptions>()
    .setClassMethodName('forRoot')
    .setExtras({ isGlobal: true }, (definition, { isGlobal }) => ({ ...definition, global: isGlobal }))
    .build();
