// Since 1.29 the runtime's builds for Linux and macOS tell their maker of every session (file and graph names, hashes,
// times), keep an identifier of the machine in the cache folder, and write logs beside temporary files. Nothing leaves
// the machine unless the user names where: so it is switched off before the runtime loads, which reads this once.
// Whoever sets the variable decides otherwise.

/** The environment that every process with a runtime is started with. */
export const QUIET = { ORT_DISABLE_TELEMETRY: '1' } as const

// For a runtime in this very process; in a worker thread this would not reach native code.
process.env.ORT_DISABLE_TELEMETRY ??= QUIET.ORT_DISABLE_TELEMETRY
