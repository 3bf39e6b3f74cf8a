import type { Metadata } from '../model.ts'
import type { Scanner } from './scanner.ts'

/**
 * Doc strings and metadata have no place in ONNX's syntax. They are printed as a comment after what they describe,
 * `#@ {"doc": …, "metadata": …}` up to the end of the line: other parsers skip it, ours reads it back.
 */
interface Note {
  readonly docString?: string
  readonly metadata?: Metadata
}

/** Reads a note if one comes next. */
export function parseNote(scan: Scanner): Note {
  const at = scan.position
  const text = scan.note()
  if (text === undefined) return {}
  try {
    const { doc, metadata } = JSON.parse(text) as { doc?: string; metadata?: Metadata }
    return { ...(doc === undefined ? {} : { docString: doc }), ...(metadata === undefined ? {} : { metadata }) }
  } catch {
    return scan.fail('expected JSON after #@', at)
  }
}

/** The note with the line break that ends it, or '' where there is nothing to say. */
export function printedNote({ docString, metadata }: Note): string {
  if (docString === undefined && metadata === undefined) return ''
  return ` #@ ${JSON.stringify({ doc: docString, metadata })}\n`
}
