export const usage = `Usage: npm start

Starts PostgreSQL, nats-server, the sessions API and the session projector, makes a demo account, and stops all
of them on Ctrl-C. Settings come from the environment, or from a file .env at the top of the project:

  PORT                    port of the API (3000; 0 for any free one)
  HOST                    address that the API listens on (127.0.0.1)
  PROJECTOR_PORT          port of the projector's health and metrics (PORT + 1, or a free one when that is taken)
  DATA_DIR                where data, keys and logs are kept (.data)
  DATABASE_URL            a running PostgreSQL, as the application's role; unset: a private one is started
  MIGRATION_DATABASE_URL  the same database as its owner; needed with DATABASE_URL
  NATS_URL                a running NATS with JetStream; unset: a private one is started
  NATS_SERVER             the nats-server program to start (found in PATH, or installed with apt-get)
  MASTER_KEY              32 bytes, base64 (made once and kept in DATA_DIR/master.key)
  BOOTSTRAP_SERVICE_KEY   32 characters or more (made once and kept in DATA_DIR/bootstrap-service.key)
  ISSUER                  the issuer named in session credentials (signoff)
  NODE_ENV                development, test or production (development)`;
