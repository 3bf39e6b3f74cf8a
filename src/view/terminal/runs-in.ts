import { type OldestRuntime, runtimeInWords, wrap } from '../../report/index.ts'
import type { Style } from './table.ts'

/** Which releases of the runtime take the file. */
export function runsIn(
  { runtime }: { readonly runtime?: OldestRuntime | undefined },
  { width }: Pick<Style, 'width'>,
): readonly string[] {
  return runtime ? wrap(`runs in ${runtimeInWords(runtime)}`, width) : []
}
