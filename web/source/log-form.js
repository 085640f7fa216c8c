// The form of an action: read, filled again, and told at its fields what was refused.
const LONGEST_SIDE = 1600;

export const form = () => document.querySelector("form[data-queued]");

// Photos of phones are larger than they need to be to prove something.
async function smaller(photo) {
  const picture = await createImageBitmap(photo);
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? photo), "image/jpeg", 0.8));
}

export async function fieldsOf(form, submitter) {
  const fields = [];
  for (const [name, value] of new FormData(form, submitter)) {
    if (!(value instanceof File)) fields.push([name, value]);
    else if (value.size > 0 && value.type.startsWith("image/"))
      fields.push([name, await smaller(value).catch(() => value)]);
    else if (value.size > 0) fields.push([name, value]);
  }
  return fields;
}

function chooseFile(input, blob) {
  const files = new DataTransfer();
  const name = blob.name ?? `photo.${blob.type.split("/")[1]}`;
  files.items.add(new File([blob], name, { type: blob.type }));
  input.files = files.files;
}

export function refill(form, fields) {
  form.reset();
  for (const closed of form.querySelectorAll("[data-types] :disabled")) closed.disabled = false;
  for (const [name, value] of fields) {
    const control = form.elements.namedItem(name);
    if (control === null || name === "csrf") continue;
    if (value instanceof Blob) chooseFile(control, value);
    else if (control.type === "checkbox") control.checked = true;
    else control.value = value;
  }
  narrow(form);
}

export const offers = (form, opportunityId) =>
  [...form.elements.opportunity_id.options].some(({ value }) => value === opportunityId);

const read = (element, name) => JSON.parse(element?.dataset[name] ?? "null");

// What the chosen customer's stage, and the chosen kind of action, ask for; a page without scripts
// shows everything.
export function narrow(form) {
  const type = form.elements.type.value;
  form.querySelector("[name=type]:checked")?.closest("details:not(#log)")?.setAttribute("open", "");
  const customer = form.elements.opportunity_id.selectedOptions[0];
  const asked = read(customer, "asked")?.[type] ?? [];
  for (const said of form.querySelectorAll("[data-of]")) said.hidden = said.dataset.of !== customer?.value;
  for (const label of form.querySelectorAll("[data-kind]")) {
    label.hidden = asked.length === 0;
    for (const option of label.querySelectorAll("option[value]:not([value=''])")) {
      option.hidden = option.disabled = !asked.includes(option.value);
      if (option.selected && option.disabled) option.selected = false;
    }
  }
  if (asked.length > 1) form.querySelector("[data-more]").open = true;
  const own = [...form.querySelectorAll("[data-types]")];
  for (const label of own) {
    label.hidden = !read(label, "types").includes(type);
    label.querySelector("input, select").disabled = label.hidden;
  }
  const more = form.querySelector("[data-own]");
  if (more !== null) more.hidden = own.every((label) => label.hidden);
  const files = [...form.querySelectorAll("input[type=file]")].flatMap((input) => [...input.files]);
  const isRecorded = files.some(({ type }) => /^(audio|video)/.test(type));
  form.querySelector("[data-consent]").hidden = !isRecorded && !form.elements.consent.checked;
}

// Where one begins at a customer: what the last action with them says of the next.
export function begin(form, opportunityId) {
  form.elements.opportunity_id.value = opportunityId;
  const customer = form.elements.opportunity_id.selectedOptions[0];
  if (customer?.dataset.last) form.elements.type.value = customer.dataset.last;
  for (const [name, value] of Object.entries(read(customer, "said") ?? {})) {
    const control = form.elements.namedItem(name);
    if (control !== null && control.value === "") control.value = value;
  }
  narrow(form);
}

export function forget(form) {
  for (const said of form.querySelectorAll("[role=alert]")) said.remove();
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.removeAttribute("aria-describedby");
  }
}

function tellAt(control, { field, message }) {
  const said = document.createElement("span");
  said.className = "at-fault";
  said.id = `fault-${field}`;
  said.setAttribute("role", "alert");
  said.textContent = message;
  control.setAttribute("aria-invalid", "true");
  control.setAttribute("aria-describedby", said.id);
  control.closest("details:not(#log)")?.setAttribute("open", "");
  control.closest(control.type === "radio" ? "fieldset" : "label").after(said);
}

export function tell(form, { detail, errors }) {
  forget(form);
  const told = errors.flatMap((error) => {
    const found = form.elements.namedItem(error.field);
    const control = found instanceof RadioNodeList ? found[0] : found;
    if (control === null) return [];
    tellAt(control, error);
    return [control];
  });
  if (told.length === 0) {
    const said = document.createElement("p");
    said.className = "notice bad";
    said.setAttribute("role", "alert");
    said.textContent = detail;
    form.prepend(said);
  }
  const place = form.closest("details");
  place.open = true;
  (told[0]?.closest("label, fieldset") ?? form).scrollIntoView();
  told[0]?.focus({ preventScroll: true });
}
