export const effectGrants = (role: string): string[] => [
  `GRANT USAGE ON SCHEMA effect TO ${role}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON effect.subscriber TO ${role}`,
];
