export * from './graph-editor.ts'
export * from './pass.ts'
export * from './rule.ts'
