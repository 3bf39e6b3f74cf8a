/** The version of Whetstone, as recipes, caches and `whet --version` say it; a test keeps it equal to package.json. */
export const WHETSTONE_VERSION = '0.1.0'
