import { type OldestRuntime, runtimeInWords } from '../../report/index.ts'

/** Which releases of the runtime take the file. */
export function runsIn({ runtime }: { readonly runtime?: OldestRuntime | undefined }): readonly string[] {
  return runtime ? [`runs in ${runtimeInWords(runtime)}`] : []
}
