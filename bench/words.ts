export const times = (ratio: number | null | undefined): string =>
  ratio === null || ratio === undefined ? '–' : `${ratio.toFixed(2)}×`
export const megabytes = (bytes: number | null): string => (bytes === null ? '?' : `${(bytes / 1e6).toFixed(0)} MB`)
