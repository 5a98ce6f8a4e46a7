export const ACCOUNT_SCOPES = ['sessions:read', 'sessions:revoke'] as const;

export const SERVICE_SCOPES = [
  'sessions:issue',
  'sessions:introspect',
  'sessions:read',
  'sessions:revoke',
  'keys:write',
  'audit:read',
  'accounts:erase',
] as const;

export type Scope = (typeof SERVICE_SCOPES)[number];
