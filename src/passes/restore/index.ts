export * from './undo-dynamic-int8.ts'
export * from './undo-qoperators.ts'
export * from './undo-static-int8.ts'
export * from './widen-float16.ts'
