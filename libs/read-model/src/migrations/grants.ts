/** The projector writes the read model, and nobody else does, except that others may say what it cannot have heard. */
export const readModelGrants = (role: string, schema = 'read_model'): string[] => [
  `GRANT USAGE ON SCHEMA ${schema} TO ${role}`,
  `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${schema} TO ${role}`,
];
