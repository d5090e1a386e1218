// The texts of the page's language, which a script before this one has set.
const { texts } = globalThis;

// A sentence with a value in the place of `{name}`.
export const fill = (key, name) => texts[key].replace("{name}", name);

export default texts;
