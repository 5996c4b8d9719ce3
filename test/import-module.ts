/** For `jest.mock` of lib/native/import-module: modules as jest.config.cjs compiles them. */
export const importModule = async <T>(name: string): Promise<T> => require(name)
export const requireOptional = <T>(name: string): T => require(name)
