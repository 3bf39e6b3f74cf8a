/**
 * The side of this room that a page has. Bundlers take it in place of `index.ts` by the `browser` field of
 * package.json; what a page cannot do is an error that says so.
 *
 * @module
 */
export * from './browser/files.ts'
export { freeMemory } from './browser/free-memory.ts'
export { sha256 } from './browser/sha256.ts'
export { letOthersRun } from './browser/turns.ts'
export * from './choice.ts'
export * from './nearest-name.ts'
export * from './shell-word.ts'
export * from './size.ts'
export * from './user-error.ts'
