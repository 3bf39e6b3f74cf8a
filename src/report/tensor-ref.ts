import { type Infer, integer, list, object, text } from './schema.ts'

/** What is too big for JSON: a blob named by its digest. */
export const tensorRef = object({ digest: text, dtype: text, shape: list(integer) })
export type TensorRef = Infer<typeof tensorRef>
