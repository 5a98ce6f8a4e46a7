/** The projector writes the read model, and nobody else does, except that others may say what it cannot have heard. */
export const readModelGrants = (role: string): string[] => [
  `GRANT USAGE ON SCHEMA read_model TO ${role}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA read_model TO ${role}`,
];
