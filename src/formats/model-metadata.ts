/** Keys under which a file of weights says which model it is of, where its entries do not tell. */

/** A preset's name. */
export const MODEL_NAME = 'largekernel.model';
/** Settings as `--set` takes them: a list in JSON. */
export const MODEL_SETTINGS = 'largekernel.set';
