package proof
import "testing"
func TestTmp(t *testing.T){ for _,p:=range prove(t){ t.Logf("%s %.2g",p.c.Name,p.error)} }
