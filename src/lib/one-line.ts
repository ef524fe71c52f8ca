/**
 * A text in one line that moves no cursor and turns nothing around: control characters, line ends of any script
 * and marks of direction become their escapes.
 *
 * @example oneLine('a\nb') // 'a\\x0ab'
 */
export const oneLine = (text: string): string =>
  text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code}` : `\\x${code.padStart(2, '0')}`;
  });
