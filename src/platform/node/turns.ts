/** Lets what waits for a file or a process go on, between two pieces of computing that never wait themselves. */
export const letOthersRun = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
