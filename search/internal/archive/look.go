package archive

import "github.com/ncruces/go-sqlite3/vfs"

// looking opens files as the driver does, but for those that it would write beside an archive in WAL mode, which whoever may not
// write them opens to read.
type looking struct{ vfs.VFSFilename }

func init() {
	if files, ok := vfs.Find("os").(vfs.VFSFilename); ok {
		vfs.Register("optc-looking", looking{files})
	}
}

// OpenFilename opens a file.
func (l looking) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, got, err := l.VFSFilename.OpenFilename(name, flags)
	if err == nil || flags&vfs.OPEN_WAL == 0 {
		return file, got, err
	}
	return l.VFSFilename.OpenFilename(name, flags&^(vfs.OPEN_READWRITE|vfs.OPEN_CREATE)|vfs.OPEN_READONLY)
}
