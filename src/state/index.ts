export type { Database, Listener, Row, Statement } from './database.ts'
export { openEmbedded } from './embedded.ts'
export { openPostgres } from './postgres.ts'
export * from './state.ts'
