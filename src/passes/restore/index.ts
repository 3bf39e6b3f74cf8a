export * from './undo-dynamic-int8.ts'
export * from './widen-float16.ts'
