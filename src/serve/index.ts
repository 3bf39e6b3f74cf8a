export { jsonLog, type Log, silentLog } from './log.ts'
export { readPaddingRules } from './model/padding-rules.ts'
export type { Rehearse, VersionSettings } from './model/served-version.ts'
export { fileSource, folderSource } from './repository/folder-source.ts'
export type { ModelSource } from './repository/source.ts'
export { storeSource } from './repository/store-source.ts'
export { type RolloutExtension, rolloutExtension } from './rollout/extension.ts'
export type { FindDossier } from './rollout/fleet.ts'
export type { Outcome, Router } from './router.ts'
export { verifyAuditLog } from './security/audit-log.ts'
export { makeKey, readKeys, SCOPES, type Scope } from './security/keys.ts'
export {
  DEFAULT_LIMITS,
  DEFAULT_SETTINGS,
  DRAIN_MS,
  type ServeOptions,
  type Server,
  startServer,
} from './server.ts'
export { Tracer } from './tracing.ts'
export { Webhooks } from './webhooks.ts'
