/** Lets the page go on, between two pieces of computing that never wait themselves. */
export const letOthersRun = (): Promise<void> => new Promise((resolve) => setTimeout(resolve))
