export const accessGrants = (role: string): string[] => [
  `GRANT USAGE ON SCHEMA access TO ${role}`,
  `GRANT SELECT, INSERT ON access.signing_key TO ${role}`,
];
