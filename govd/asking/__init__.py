"""Plugins: found, asked, limited in time, and their answers looked at before anybody uses them."""
