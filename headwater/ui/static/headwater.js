// Follow the theme that was chosen in Airflow, which keeps it under this key; without it, the system's is used.
"use strict";
const followTheme = () => {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
};
followTheme();
addEventListener("storage", followTheme);
