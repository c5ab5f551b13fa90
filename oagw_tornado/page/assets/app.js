/* The page as a whole. */
customElements.define("oagw-app", class extends HTMLElement {});
