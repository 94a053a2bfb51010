/** The one stylesheet: the reader's own colours, sizes and contrast; nothing is loaded. */
export const STYLE = `:root {
  color-scheme: light dark;
  font: 1.0625rem/1.6 system-ui, sans-serif;
}
body {
  margin: 0;
}
main {
  max-width: 42rem;
  margin: 0 auto;
  padding: 2rem 1.25rem 4rem;
}
h1 {
  font-size: 1.75rem;
  line-height: 1.2;
}
h2 {
  font-size: 1.25rem;
  margin-top: 2rem;
}
code {
  font: 0.9375em ui-monospace, monospace;
  overflow-wrap: anywhere;
}
pre {
  overflow-x: auto;
  padding: 0.75rem 1rem;
  border: 1px solid currentColor;
  border-radius: 0.375rem;
}
pre code {
  overflow-wrap: normal;
}
form {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem;
}
label {
  flex-basis: 100%;
}
input,
button {
  font: inherit;
  padding: 0.5rem 0.75rem;
  border: 1px solid currentColor;
  border-radius: 0.375rem;
}
input {
  flex: 1 1 16rem;
  min-width: 0;
}
input:focus-visible,
button:focus-visible,
a:focus-visible {
  outline: 3px solid;
  outline-offset: 2px;
}
.keys {
  list-style: none;
  padding: 0;
}
.keys h2 {
  overflow-wrap: anywhere;
}
dt {
  font-weight: 600;
}
dd {
  margin: 0 0 0.5rem;
}
`;
