/** How the sentence begins that tells of it, so that whoever times in turns can tell it once. */
const BUSY = 'the machine was busy'

/** What to tell where more processes wanted to run than there are cores; null where none waited, or nobody knows. */
export const busyWarning = (load: number | null, cores: number): string | null =>
  load !== null && load > cores ? `${BUSY}: ${load.toFixed(1)} processes wanted its ${cores} cores` : null

/** Whether a warning of a timing is that of a busy machine. */
export const isBusyWarning = (warning: string): boolean => warning.startsWith(BUSY)
