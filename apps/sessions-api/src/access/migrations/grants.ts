export const accessGrants = (role: string): string[] => [
  `GRANT USAGE ON SCHEMA access TO ${role}`,
  `GRANT SELECT, INSERT ON access.signing_key TO ${role}`,
  `GRANT UPDATE (wrapped_key, master_key_id, signs_from, removed_at) ON access.signing_key TO ${role}`,
];
