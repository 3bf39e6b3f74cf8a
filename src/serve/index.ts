export { type Caller, type InferCall, InferenceCore, type InferResult } from './core.ts'
export type { Exchange, HttpLimits, Route as HttpRoute } from './http/http-face.ts'
export { jsonLog, type Log, silentLog } from './log.ts'
export { readPaddingRules } from './model/padding-rules.ts'
export type {
  Rehearsal,
  Rehearse,
  ServedVersion,
  VersionFile,
  VersionSettings,
} from './model/served-version.ts'
export { fileSource, folderSource } from './repository/folder-source.ts'
export type { ModelRegistry, ServedModel } from './repository/registry.ts'
export type { ModelSource, Offer } from './repository/source.ts'
export { storeSource } from './repository/store-source.ts'
export { type RolloutExtension, rolloutExtension } from './rollout/extension.ts'
export type { Dossier, FindDossier } from './rollout/fleet.ts'
export { liveRouter, type Outcome, type Route, type RouteRequest, type Router } from './router.ts'
export { isLoopback } from './security/access.ts'
export { verifyAuditLog } from './security/audit-log.ts'
export { makeKey, readKeys, SCOPES, type Scope, type StoredKey } from './security/keys.ts'
export { ServeError, type ServeErrorCode } from './serve-error.ts'
export {
  DEFAULT_LIMITS,
  DEFAULT_SETTINGS,
  DRAIN_MS,
  type ServeExtension,
  type ServeOptions,
  type Server,
  startServer,
} from './server.ts'
export { Tracer } from './tracing.ts'
export { type Notify, type ServerEvent, Webhooks } from './webhooks.ts'
