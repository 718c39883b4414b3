/** What `--help` prints. */

export const mainHelp = `tensorgate: one front door for model servers

  tensorgate serve    the gateway
  tensorgate demo     embedded model servers and the gateway in front of them
  tensorgate check    every mistake in a configuration file
  tensorgate models   what the fleet serves, and its health
  tensorgate health   whether the gateway on this machine lives, by its exit code

  tensorgate COMMAND --help says more; tensorgate --version says which one this is.
`;

const doors = `  --config FILE          a YAML configuration; flags come before it
  --backend URL          a model server: tfs://host:port or grpc://host:port (tfss://, grpcs:// for TLS); may be repeated
  --host H               the address to listen on (0.0.0.0)
  --rest-port 8000       REST and gRPC-Web
  --grpc-port 9000       native gRPC
  --admin-port 8001      dashboard, health, metrics; 0 turns it off
  --workers N|auto       processes that share the ports (1)
  --passthrough          forward gRPC services that the gateway does not know to the default fleet
  --tls-cert F --tls-key F [--tls-client-ca F]   TLS on every door; with a client CA, client certificates are compulsory
`;

export const serveHelp = `tensorgate serve [--config FILE] [--backend URL]...

${doors}
SIGTERM drains: /readyz says 503 at once, calls in flight finish. SIGHUP reads the configuration again, and so does a change of its file or of one that it names.
`;

export const demoHelp = `tensorgate demo [--replicas 3] [--rest-port 8000] [--grpc-port 9000] [--admin-port 8001]

Starts embedded model servers as processes of their own, and the gateway in front of them.
`;

export const checkHelp = `tensorgate check FILE [--json]

Prints every mistake in a configuration with its line, column and path, and exits with 78; without one it exits with 0.
`;

export const modelsHelp = `tensorgate models [--admin http://127.0.0.1:8001] [--json]

Asks a running gateway's admin door what its fleet serves, and how it is.
`;

export const healthHelp = `tensorgate health [--ready] [--config FILE | --admin http://127.0.0.1:8001]

Asks the admin door for /healthz, or /readyz, and exits with 0 when it is well, else with 1 and the reason. With --config it is asked where and how that
file says, TLS included.
`;
